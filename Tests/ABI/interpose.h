/*
 * The program's own malloc and its family, in front of the C library's: they count calls, follow how much
 * is held, and can be told to fail. The dynamic linker gives the library these too, because a symbol of
 * the executable goes first. Include in exactly one file of a program; not for sanitized builds, which
 * have their own.
 */
#ifndef CHAINRULE_TEST_INTERPOSE_H
#define CHAINRULE_TEST_INTERPOSE_H

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static int interpose_counting;            /* calls are counted while this is set */
static int64_t interpose_calls;           /* how many there were */
static int64_t interpose_held;            /* bytes now in use, by everyone, since the program began */
static size_t interpose_threshold;        /* 0: nothing fails; else calls for at least so many bytes may */
static int64_t interpose_fail_at;         /* the so-many-eth of those fails, from 1; 0: all of them */
static int64_t interpose_large, interpose_failed;
static __thread int interpose_here;       /* only this thread's calls fail */
static int interpose_everywhere;          /* ... or everybody's */

#define INTERPOSE_ADD(variable, amount) __atomic_add_fetch(&(variable), (amount), __ATOMIC_RELAXED)

/* Counts the call; answers whether it must fail. */
static inline int interpose_enter(size_t size) {
  if (__atomic_load_n(&interpose_counting, __ATOMIC_RELAXED)) INTERPOSE_ADD(interpose_calls, 1);
  if (interpose_threshold == 0 || size < interpose_threshold) return 0;
  if (!interpose_here && !interpose_everywhere) return 0;
  if (INTERPOSE_ADD(interpose_large, 1) != interpose_fail_at && interpose_fail_at != 0) return 0;
  INTERPOSE_ADD(interpose_failed, 1);
  errno = ENOMEM;
  return 1;
}

static inline void *interpose_leave(void *memory) {
  if (memory != NULL) INTERPOSE_ADD(interpose_held, (int64_t)malloc_usable_size(memory));
  return memory;
}

void *malloc(size_t size) {
  if (interpose_enter(size)) return NULL;
  return interpose_leave(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
  if (interpose_enter(size != 0 && count > SIZE_MAX / size ? SIZE_MAX : count * size)) return NULL;
  return interpose_leave(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size) {
  int64_t before = memory ? (int64_t)malloc_usable_size(memory) : 0;
  void *moved;
  if (interpose_enter(size)) return NULL;
  moved = __libc_realloc(memory, size);
  if (moved != NULL || size == 0) INTERPOSE_ADD(interpose_held, -before);
  return interpose_leave(moved);
}

void free(void *memory) {
  if (memory != NULL) INTERPOSE_ADD(interpose_held, -(int64_t)malloc_usable_size(memory));
  __libc_free(memory);
}

void *memalign(size_t alignment, size_t size) {
  if (interpose_enter(size)) return NULL;
  return interpose_leave(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *made;
  int kept = errno;
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
  made = memalign(alignment, size);
  errno = kept;
  if (made == NULL) return ENOMEM;
  *memory = made;
  return 0;
}

void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
  long result;
  if ((flags & MAP_ANONYMOUS) != 0 && interpose_enter(length)) return MAP_FAILED;
  result = syscall(SYS_mmap, address, length, protection, flags, file, offset);
  if (result == -1) return MAP_FAILED;
  if ((flags & MAP_ANONYMOUS) != 0) INTERPOSE_ADD(interpose_held, (int64_t)length);
  return (void *)result;
}

int munmap(void *address, size_t length) {
  INTERPOSE_ADD(interpose_held, -(int64_t)length);
  return (int)syscall(SYS_munmap, address, length);
}

static inline void interpose_count(int on) {
  if (on) __atomic_store_n(&interpose_calls, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&interpose_counting, on, __ATOMIC_SEQ_CST);
}

/* From now on the which-th request (0: every one) of this thread for at least so many bytes fails. */
static inline void interpose_fail(size_t threshold, int64_t which) {
  interpose_large = interpose_failed = 0;
  interpose_fail_at = which;
  interpose_here = 1;
  interpose_threshold = threshold;
}

static inline int64_t interpose_stop_failing(void) {
  interpose_threshold = 0;
  interpose_here = 0;
  return interpose_failed;
}

#endif
