"""Reads a photographed or scanned page, line by line: python read_page.py ocr.edge page.png"""

import sys

import edgeai

bundle, page = sys.argv[1:]
with edgeai.load(bundle) as session:
    result = session.predict(page)

for text in result.value.attached["text"]:
    print(text.text)
for stage in result.stages:
    print(f"{stage.name}: {stage.total_s * 1e3:.1f} ms", file=sys.stderr)
