"""Pictures and their files: what stands in a file becomes a Picture, and a Picture becomes a file again.

Needs neither torch nor the engine. From below: `values` are the samples, `resize`, `alpha` and `colour` compute with
them, `picture` is what they make up; `chunks` and `png`, `jpeg`, `webp`, `metadata` know the formats; `decoding` and
`encoding` are the two ways through all of it.
"""
