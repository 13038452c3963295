// exit: 134
// first: Killed by SIGABRT (*)
// has: Last lines on stderr:*terminate called
#include <stdio.h>
#include <stdlib.h>
int main(void) { fputs("terminate called after throwing\n", stderr); abort(); }
