"""The batch side: run, record, compare, warm kernel, command line. Never imports TensorFlow."""
