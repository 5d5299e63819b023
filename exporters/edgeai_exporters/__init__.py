"""From a trained or distilled model to quantized ONNX and TFLite, proven against the original.

Empty for now: sources, passes and targets come with the exporters.
"""
