"""The batch side: syllabus, run, record, compare, warm kernel, command line. Never imports TensorFlow."""
