"""A step of your own behind a model: python own_step.py doorbell.edge photo.jpg

doorbell.json calls it `acme.greeting@1`, with the parameter `near`; bundles hold no code.
"""

import sys

import edgeai


def greeting(faces, *, near):
    """Whom to open the door: those whose face is `near` pixels wide."""
    callers = sum(right - left >= near for left, _, right, _ in faces.boxes)
    return f"{callers} at the door, {len(faces) - callers} further away"


bundle, photo = sys.argv[1:]
with edgeai.load(bundle, steps={"acme.greeting@1": greeting}) as session:
    print(session.predict(photo).value)
