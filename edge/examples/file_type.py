"""What files are, whatever they are called: python file_type.py magika.edge FILE..."""

import sys

import edgeai

bundle, *files = sys.argv[1:]
with edgeai.load(bundle) as session:
    for file in files:
        best = session.predict(file).value.top[0]
        print(f"{file}: {best.name}, {best.score:.0%}")
