"""From a trained or distilled model to quantized ONNX and TFLite, proven against the original.

    edgeai export model.pt2 --data photos/ --max-drop 0.5% -o model.edge

Read from `export.py`: a source gives an ONNX file, schemes make smaller and faster variants of it, the search
keeps sensitive layers in float where that is what the budget asks for, and the proof measures each variant
in its own runtime on data that nothing was calibrated with.
"""
