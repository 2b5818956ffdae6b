"""TF Serving's REST and gRPC API on SavedModels, inside this process."""
