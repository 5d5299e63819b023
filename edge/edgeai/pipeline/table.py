"""The table of steps: what a manifest may call, by name and version.

To add one: a function or a class in a file of `ops`, and a line here. A version never changes its meaning: a
step that does something else gets the next number, and the old one stays.
"""

from __future__ import annotations

STEPS: dict[str, str] = {
    # Pictures.
    "decode@1": "edgeai.pipeline.ops.image:decode",
    "yuv@1": "edgeai.pipeline.ops.image:yuv",
    "resize@1": "edgeai.pipeline.ops.image:resize",
    "letterbox@1": "edgeai.pipeline.ops.image:letterbox",
    "pad@1": "edgeai.pipeline.ops.image:pad",
    "center_crop@1": "edgeai.pipeline.ops.image:center_crop",
    "region@1": "edgeai.pipeline.ops.image:region",
    "limit_aspect@1": "edgeai.pipeline.ops.image:limit_aspect",
    "rotate@1": "edgeai.pipeline.ops.image:rotate",
    "flip@1": "edgeai.pipeline.ops.image:flip",
    "color@1": "edgeai.pipeline.ops.image:color",
    "scale@1": "edgeai.pipeline.ops.image:scale",
    "normalize@1": "edgeai.pipeline.ops.image:normalize",
    "layout@1": "edgeai.pipeline.ops.image:layout",
    "crop@1": "edgeai.pipeline.ops.crop:crop",
    "turn@1": "edgeai.pipeline.ops.crop:turn",
    # Sound.
    "resample@1": "edgeai.pipeline.ops.audio:Resample",
    "frame@1": "edgeai.pipeline.ops.audio:Frame",
    "gain@1": "edgeai.pipeline.ops.audio:gain",
    "log_mel@1": "edgeai.pipeline.ops.features:LogMel",
    "mfcc@1": "edgeai.pipeline.ops.features:mfcc",
    "clip_range@1": "edgeai.pipeline.ops.features:clip_range",
    "micro_frontend@1": "edgeai.pipeline.ops.audio:MicroFeatures",
    # Text and files.
    "tokenize@1": "edgeai.pipeline.ops.text:tokenize",
    "file_ends@1": "edgeai.pipeline.ops.content:file_ends",
    # What a model gave: classes, numbers, embeddings.
    "softmax@1": "edgeai.pipeline.ops.classify:softmax",
    "sigmoid@1": "edgeai.pipeline.ops.classify:sigmoid",
    "top_k@1": "edgeai.pipeline.ops.classify:top_k",
    "score@1": "edgeai.pipeline.ops.classify:score",
    "pool@1": "edgeai.pipeline.ops.embed:pool",
    "l2_normalize@1": "edgeai.pipeline.ops.embed:l2_normalize",
    # Things in pictures, and text in them.
    "ssd@1": "edgeai.pipeline.ops.detect:ssd",
    "yolo@1": "edgeai.pipeline.ops.detect:yolo",
    "nms@1": "edgeai.pipeline.ops.detect:nms",
    "db_text@1": "edgeai.pipeline.ops.text_detect:db_text",
    "to_ink@1": "edgeai.pipeline.ops.ink:to_ink",
    "orient@1": "edgeai.pipeline.ops.order:orient",
    "reading_order@1": "edgeai.pipeline.ops.order:reading_order",
    "ctc@1": "edgeai.pipeline.ops.ctc:ctc",
    "attach@1": "edgeai.pipeline.ops.attach:attach",
    # What happens along a stream.
    "smooth@1": "edgeai.pipeline.ops.events:Smooth",
    "trigger@1": "edgeai.pipeline.ops.events:TriggerEvent",
    "segments@1": "edgeai.pipeline.ops.events:Segments",
    "notes@1": "edgeai.pipeline.ops.events:Notes",
}
