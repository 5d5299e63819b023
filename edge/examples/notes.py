"""The notes that somebody plays, as a table for a spreadsheet: python notes.py basic-pitch.edge piano.wav"""

import csv
import sys

import edgeai

bundle, recording = sys.argv[1:]
table = csv.writer(sys.stdout)
table.writerow(["note", "start_s", "end_s", "score"])
with edgeai.load(bundle) as session:
    for note in sorted(session.predict(recording).value, key=lambda note: note.start_s):
        table.writerow([note.name, round(note.start_s, 3), round(note.end_s, 3), round(note.score, 3)])
