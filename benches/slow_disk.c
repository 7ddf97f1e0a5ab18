/* Makes every flush of a program take longer, as on a card or a small disk: preloaded into the server under test.
 *
 *   cc -O2 -shared -fPIC -o target/slow_disk.so benches/slow_disk.c
 *   SLOW_FLUSH_US=5000 LD_PRELOAD=$PWD/target/slow_disk.so target/release/pillarbox run ...
 *
 * Waiting after the call, in the caller's thread: flushes of several threads or processes do not hold each other up.
 * A tracer can delay the same calls, but it also stops all other system calls of threads that never flush. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int later(int result) {
    const char *text = getenv("SLOW_FLUSH_US");
    long us = text ? atol(text) : 5000;
    struct timespec left = {us / 1000000, us % 1000000 * 1000};
    int error = errno;
    while (nanosleep(&left, &left) && errno == EINTR) {
    }
    errno = error;
    return result;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return later(REAL(fsync)(fd)); }
int fdatasync(int fd) { return later(REAL(fdatasync)(fd)); }
int syncfs(int fd) { return later(REAL(syncfs)(fd)); }
int msync(void *start, size_t length, int flags) { return later(REAL(msync)(start, length, flags)); }
int sync_file_range(int fd, off64_t start, off64_t length, unsigned flags) {
    return later(REAL(sync_file_range)(fd, start, length, flags));
}
