"""Pictures of strangers are decoded in processes that can be spared: one for each, bounded in time and memory.

decoder.py    in the service: asks for a picture, and checks what it is told
process.py    the zygote as the service has it: started, asked to fork, ended
zygote.py     a small process with the codecs loaded, which forks a child for each picture and ends it
rehearsal.py  decodes pictures of our own in the zygote, so that its children find everything loaded
child.py      decodes one picture under limits, answers, ends
linux.py      what only Linux has
wire.py       what is said between them
"""
