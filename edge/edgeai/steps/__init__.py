"""Pre- and post-processing as small pure functions on arrays; nothing here knows of bundles or sessions.

Each file is one idea (images, boxes, sound, ...). What a manifest calls `resize@1` is bound to them in
`edgeai.pipeline.table`.
"""
