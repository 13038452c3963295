"""One file a topic. Its docstring says what is measured; ``cases`` declares it.

``cases(bench)`` is a generator: each case is measured when it is given. What the generator has made for it, such as a
server, is there meanwhile, and is removed after it.
"""
