"""The learner's desk: own copies of the lessons, JupyterLab set up for learning, the start page, progress."""
