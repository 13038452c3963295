"""One file a topic. Its docstring says what is measured; ``cases`` declares it.

``cases(bench)`` is a generator: a case is measured when it is yielded. What the generator has created for it, such as a
server, is there meanwhile, and is removed after it.
"""
