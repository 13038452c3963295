// exit: 77
// first: Exit code 77; last line on stderr: bad model file
#include <stdio.h>
int main(void) { fputs("bad model file\n", stderr); return 77; }
