"""TF Serving's REST and gRPC API on SavedModels, inside this process or as `python -m helpers.serving`.

A stand-in for TF Serving where there is no Docker: the same paths, messages, statuses, metric names and
model_config_list, so clients, configurations and dashboards move to the real server unchanged.
Facts are from its sources (tensorflow/serving) and documentation; nothing is copied, and no running TF Serving
was at hand to compare with. Where it is known to differ:

- versions load one after the other, in Python: a load slows the answers of other models while it lasts;
- a failed version is tried again when its folder changes, not --max_num_load_retries times once a minute, and
  is in state END meanwhile, not LOADING; a folder without saved_model.pb, or without its variables, never
  becomes AVAILABLE (TF Serving has loaded the latter); nor does one whose signatures read variables that
  restoring left empty, a Keras 3 model under tf.saved_model.save (TF Serving fails at every request);
- HandleReloadConfigRequest returns when new *versions* are loaded too, and refuses a base path that does not
  exist (TF Serving answers before, and hangs on such a path); so does the start, which TF Serving waits with
  for ever;
- request deadlines are not passed to the graph run; MultiInference, --enable_signature_method_name_check,
  --rest_api_timeout_in_ms, TLS, request logging, signature defaults, batching parameters per model, warm-up in
  several rounds or threads, and servables other than SavedModels are missing;
- statuses are TF Serving's, and error texts where clients meet them daily; how broken JSON, a ragged list or a
  wrong configuration is described is our own;
- a number beyond int8, int16, uint8, uint16, half or bfloat16 is refused, where TF Serving takes its lower bits;
- JSON must be UTF-8, of a name given twice the last value counts, not the first, and infinity is written out
  (RapidJSON reads any bytes in a string, and `Inf`);
- a gzipped body may unpack to max_message_bytes; a broken one is refused as that, not as an empty document;
- tensors have at most 32 dimensions (NumPy's limit; TensorFlow's is 254);
- with batching, requests of different row shapes go to different batches unless they are padded, where TF
  Serving refuses to mix them;
- metrics are always on, one set per server, and are a part of TF Serving's; the JSON is laid out differently.
"""

from .batching_parameters import BatchingParameters
from .errors import ServingError
from .models import Transition
from .server import ModelServer

__all__ = ["BatchingParameters", "ModelServer", "ServingError", "Transition"]
