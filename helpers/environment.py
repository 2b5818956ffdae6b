"""Settings every process computes with, set before its first import: the same numbers on any x86-64 machine with AVX2."""

ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # lessons are written for the CPU and recorded on one
    "GRPC_ENABLE_FORK_SUPPORT": "0",  # else a fork beside a gRPC server (the sandbox of a check) writes to stderr
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    # ^ with AVX-512, numpy's exp, log and power differ in the last digit, and argsort in the order of ties
    "OMP_NUM_THREADS": "2",  # scikit-learn adds up by thread: how many there are is part of the result
    "OMP_WAIT_POLICY": "passive",  # threads that wait let others run: lessons side by side do not stand still
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # TensorFlow multiplies some matrices with its sgemm, also where the option below is 0
    "OPENBLAS_CORETYPE": "Haswell",  # numpy, scipy: the kernels for AVX2, also where there are later ones
    "OPENBLAS_NUM_THREADS": "1",  # their matrices are small here
    "PYTHONHASHSEED": "0",  # the order of sets of strings
    "PYTHONWARNINGS": "ignore::FutureWarning",  # google packages announce the end of Python 3.10 on import
    "TF_CPP_MIN_LOG_LEVEL": "3",  # else C++ writes to stderr which instructions the machine has
    "TF_ENABLE_ONEDNN_OPTS": "0",  # oneDNN sums in another order on each kind of processor, and is no faster here
    "TF_NUM_INTEROP_THREADS": "2",  # TensorFlow splits matrix products and sums by thread, too
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_USE_LEGACY_KERAS": "0",  # tf.keras is Keras 3; unset, it is Keras 2 if TensorFlow Transform is imported first
}
