"""Pictures of strangers are decoded in processes that can be spared: one for each, bounded in time and memory.

decoder.py  in the service: asks for a picture, and checks what it is told
process.py  the zygote as the service has it: started, asked to fork, ended
zygote.py   a small process with the codecs loaded, which forks a child for each picture and ends it
child.py    decodes one picture under limits, answers, ends
wire.py     what is said between them
"""
