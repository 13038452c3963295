# exit: 1
# python: 3.11
# first: ExceptionGroup: two shards failed (2 sub-exceptions) (exception_group.py:11, in <module>)
# has: In the group: ValueError: shard 1 is empty (exception_group.py:8, in read)
# has: In the group: KeyError: 'label'
def read():
    try:
        raise ValueError("shard 1 is empty")
    except ValueError as error:
        return error
raise ExceptionGroup("two shards failed", [read(), ExceptionGroup("inner", [KeyError("label")])])
