"""Frames the faces in a photo: python faces.py face.edge photo.jpg framed.jpg"""

import sys

import edgeai
from edgeai.draw import draw

bundle, photo, framed = sys.argv[1:]
with edgeai.load(bundle) as session:
    result = session.predict(photo)

for box, score in zip(result.value.boxes, result.value.scores, strict=True):
    left, top, right, bottom = box.round().astype(int)
    print(f"{score:.0%}: {right - left} x {bottom - top} pixels at {left}, {top}")
draw(result.values["source"].pixels, result.value).save(framed)
