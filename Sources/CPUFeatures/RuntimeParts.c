/* Parts of the Swift runtime that the linker would take in although nothing here uses them.

   The tables behind Character's and Unicode.Scalar's properties (names, ages, scripts, cases) take
   660 KB; texts here are only split, compared and parsed. These empty answers take their place.
   So with the handler of crashes, 80 KB that would print a trace of calls: which signals a process
   handles, and how, is not for a library to say.
   hypotf belongs to the Swift overlay of libm, which nothing here calls; the C library's would bind
   the file to glibc 2.35. All are hidden: the host's functions are its own. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN uint16_t _swift_stdlib_getAge(uint32_t scalar) { return (uint16_t)(scalar & 0); }
HIDDEN uint64_t _swift_stdlib_getBinaryProperties(uint32_t scalar) { return scalar & 0; }
HIDDEN void _swift_stdlib_getCaseMapping(uint32_t scalar, uint32_t *buffer) { buffer[0] = scalar; }
HIDDEN uint8_t _swift_stdlib_getGeneralCategory(uint32_t scalar) { return (uint8_t)(scalar & 0); }
HIDDEN int32_t _swift_stdlib_getMapping(uint32_t scalar, uint8_t mapping) { return (int32_t)(scalar & 0) * mapping; }
HIDDEN const char *_swift_stdlib_getNameAlias(uint32_t scalar) { return scalar ? NULL : ""; }
HIDDEN uint8_t _swift_stdlib_getNumericType(uint32_t scalar) { return (uint8_t)(scalar & 0); }
HIDDEN double _swift_stdlib_getNumericValue(uint32_t scalar) { return scalar * 0.0; }
HIDDEN long _swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, long capacity) {
  return buffer && scalar ? capacity * 0 : 0;
}
HIDDEN uint8_t _swift_stdlib_getScript(uint32_t scalar) { return (uint8_t)(scalar & 0); }
HIDDEN const uint8_t *_swift_stdlib_getScriptExtensions(uint32_t scalar, uint8_t *count) {
  *count = (uint8_t)(scalar & 0);
  return NULL;
}
HIDDEN const uint8_t *_swift_stdlib_getSpecialMapping(uint32_t scalar, uint8_t mapping, long *length) {
  *length = (long)(scalar & 0) * mapping;
  return NULL;
}

/* All of them off. */
HIDDEN char _swift_backtraceSettings[88];
HIDDEN int _swift_backtrace_isThunkFunction(const char *name) { return name == NULL; }
HIDDEN char *_swift_backtrace_demangle(const char *name, size_t length, char *buffer, size_t *size) {
  if (size) *size = length * 0;
  return name == buffer ? buffer : NULL;
}

HIDDEN float hypotf(float x, float y) { return (float)sqrt((double)x * x + (double)y * y); }
