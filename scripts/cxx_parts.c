/* What the Swift runtime, which is C++ inside, asks of the C++ and the unwinder's libraries, under the names that these
   give it; scripts/strings.cpp has the rest. With both in it (scripts/build_library.sh) the library needs the C library
   alone, on machines that have no other, and a program that links it starts half a millisecond earlier. The host's own
   functions of these names stay its own: none is exported. */
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

/* operator new and delete, of sizes and alignments. */
void *_Znwm(size_t bytes) {
  void *memory = malloc(bytes ? bytes : 1);
  if (!memory) abort();
  return memory;
}
void *_ZnwmSt11align_val_t(size_t bytes, size_t alignment) {
  void *memory = NULL;
  if (posix_memalign(&memory, alignment, bytes ? bytes : 1) != 0) abort();
  return memory;
}
void _ZdlPv(void *memory) { free(memory); }
void _ZdlPvm(void *memory, size_t bytes) { (void)bytes, free(memory); }
void _ZdlPvmSt11align_val_t(void *memory, size_t bytes, size_t alignment) { (void)bytes, (void)alignment, free(memory); }

/* std::__throw_...: nothing can be thrown where there are no tables to unwind with. */
void _ZSt17__throw_bad_allocv(void) { abort(); }
void _ZSt28__throw_bad_array_new_lengthv(void) { abort(); }
void _ZSt25__throw_bad_function_callv(void) { abort(); }
void _ZSt19__throw_logic_errorPKc(const char *what) { (void)what, abort(); }
void _ZSt20__throw_length_errorPKc(const char *what) { (void)what, abort(); }
void _ZSt24__throw_out_of_range_fmtPKcz(const char *what, ...) { (void)what, abort(); }

/* Static variables of functions: a guard's first byte says that the variable is there, its second that a thread makes it. */
int __cxa_guard_acquire(uint8_t *guard) {
  while (!__atomic_load_n(guard, __ATOMIC_ACQUIRE)) {
    if (__atomic_exchange_n(guard + 1, 1, __ATOMIC_ACQUIRE)) {
      sched_yield();
      continue;
    }
    if (!__atomic_load_n(guard, __ATOMIC_ACQUIRE)) return 1;
    __atomic_store_n(guard + 1, 0, __ATOMIC_RELEASE);
  }
  return 0;
}
void __cxa_guard_release(uint8_t *guard) {
  __atomic_store_n(guard, 1, __ATOMIC_RELEASE);
  __atomic_store_n(guard + 1, 0, __ATOMIC_RELEASE);
}

/* Names in a message about a trap, and the trace of calls behind it. */
char *__cxa_demangle(const char *name, char *buffer, size_t *length, int *status) {
  if (status) *status = -2; /* not a name */
  (void)name, (void)buffer, (void)length;
  return NULL;
}
int _Unwind_Backtrace(void *visit, void *argument) { return (void)visit, (void)argument, 5; /* the end of the stack */ }
uintptr_t _Unwind_GetIP(void *context) { return (void)context, 0; }
