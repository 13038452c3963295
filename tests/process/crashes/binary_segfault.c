// exit: 139
// first: Killed by SIGSEGV (segmentation fault)
int main(void) { return *(volatile int *)0; }
