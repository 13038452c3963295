# exit: 1
# first: OSError: [Errno 28] No space left on device: '/dev/shm/weights.bin' (disk_full.py:5, in <module>)
# has: Disk full: /dev/shm (tmpfs) has * of * free.
import errno, os
raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/dev/shm/weights.bin")
