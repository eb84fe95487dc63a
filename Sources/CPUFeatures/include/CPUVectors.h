/* Vector operations for which Swift's standard library has loops over lanes that the compiler does
   not always turn back into vectors. Included by CPUFeatures.h. */
#ifndef CHAINRULE_CPU_VECTORS_H
#define CHAINRULE_CPU_VECTORS_H

typedef unsigned long long cr_words __attribute__((ext_vector_type(CR_DOUBLES)));
typedef uint32_t cr_uints __attribute__((ext_vector_type(CR_FLOATS)));
typedef int32_t cr_ints __attribute__((ext_vector_type(CR_FLOATS)));

/* Half a vector of floats as doubles and back. The standard library's conversions may be left as functions of their
   own, which the linker could keep for the whole library. */
typedef float cr_half_floats __attribute__((ext_vector_type(CR_DOUBLES)));
CR_INLINE cr_doubles cr_widen_floats(cr_half_floats v) { return __builtin_convertvector(v, cr_doubles); }
CR_INLINE cr_half_floats cr_narrow_doubles(cr_doubles v) { return __builtin_convertvector(v, cr_half_floats); }

/* The first half of the lanes. What is loaded soon is better not stored under a mask: the load would wait for the cache. */
CR_INLINE void cr_store_half_floats(float *p, cr_floats v) { __builtin_memcpy(p, &v, sizeof v / 2); }
CR_INLINE void cr_store_half_doubles(double *p, cr_doubles v) { __builtin_memcpy(p, &v, sizeof v / 2); }

CR_INLINE cr_floats cr_root_floats(cr_floats v) { return __builtin_elementwise_sqrt(v); }
CR_INLINE cr_doubles cr_root_doubles(cr_doubles v) { return __builtin_elementwise_sqrt(v); }

/* The sum, the product and the largest of the lanes: halves upon halves, one tree at AVX2 and AVX-512. */
typedef float cr_float4 __attribute__((ext_vector_type(4)));
typedef double cr_double2 __attribute__((ext_vector_type(2)));
/* `v` down to 16 bytes, `q`. */
#if CR_FLOATS == 16
#define CR_QUARTER_FLOATS(COMBINE)                                                                 \
  typedef float half __attribute__((ext_vector_type(8)));                                          \
  half h0 = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);                                 \
  half h1 = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);                           \
  half h = COMBINE(h0, h1);                                                                        \
  cr_float4 q0 = __builtin_shufflevector(h, h, 0, 1, 2, 3);                                        \
  cr_float4 q1 = __builtin_shufflevector(h, h, 4, 5, 6, 7);                                        \
  cr_float4 q = COMBINE(q0, q1);
#define CR_QUARTER_DOUBLES(COMBINE)                                                                \
  typedef double half __attribute__((ext_vector_type(4)));                                         \
  half h0 = __builtin_shufflevector(v, v, 0, 1, 2, 3);                                             \
  half h1 = __builtin_shufflevector(v, v, 4, 5, 6, 7);                                             \
  half h = COMBINE(h0, h1);                                                                        \
  cr_double2 q0 = __builtin_shufflevector(h, h, 0, 1);                                             \
  cr_double2 q1 = __builtin_shufflevector(h, h, 2, 3);                                             \
  cr_double2 q = COMBINE(q0, q1);
#else
#define CR_QUARTER_FLOATS(COMBINE) cr_float4 q = v;
#define CR_QUARTER_DOUBLES(COMBINE) cr_double2 q = v;
#endif
#define CR_LANE_TREE(NAME, COMBINE)                                                                \
  CR_INLINE float cr_##NAME##_floats(cr_floats v) {                                                \
    CR_QUARTER_FLOATS(COMBINE)                                                                     \
    cr_float4 p = __builtin_shufflevector(q, q, 2, 3, -1, -1);                                     \
    q = COMBINE(q, p);                                                                             \
    p = __builtin_shufflevector(q, q, 1, -1, -1, -1);                                              \
    q = COMBINE(q, p);                                                                             \
    return q[0];                                                                                   \
  }                                                                                                \
  CR_INLINE double cr_##NAME##_doubles(cr_doubles v) {                                             \
    CR_QUARTER_DOUBLES(COMBINE)                                                                    \
    cr_double2 p = __builtin_shufflevector(q, q, 1, -1);                                           \
    q = COMBINE(q, p);                                                                             \
    return q[0];                                                                                   \
  }
#define CR_ADD(a, b) ((a) + (b))
#define CR_TIMES(a, b) ((a) * (b))
/* b > a ? b : a: one instruction, as that comparison is the instruction's definition. */
#define CR_LARGER(a, b) ((b) > (a) ? (b) : (a))
CR_LANE_TREE(lane_sum, CR_ADD)
CR_LANE_TREE(lane_product, CR_TIMES)
CR_LANE_TREE(lane_maximum, CR_LARGER)
#undef CR_LARGER
#undef CR_TIMES
#undef CR_ADD
#undef CR_LANE_TREE
#undef CR_QUARTER_FLOATS
#undef CR_QUARTER_DOUBLES

/* Every other element of two vectors, from the first on or from the second; the elements of two vectors in turn, of their first
   halves and of their second ones; the same with zeros for the second vector; one vector's elements from the second
   on, and then the other's first. */
#define CR_SHUFFLES(TYPE, NAME, LANES)                                                                    \
  CR_INLINE TYPE cr_evens_##NAME(TYPE a, TYPE b) { return CR_EVENS_##LANES(a, b); }                       \
  CR_INLINE TYPE cr_odds_##NAME(TYPE a, TYPE b) { return CR_ODDS_##LANES(a, b); }                         \
  CR_INLINE TYPE cr_following_##NAME(TYPE a, TYPE b) { return CR_FOLLOWING_##LANES(a, b); }               \
  CR_INLINE TYPE cr_interleave_low_##NAME(TYPE a, TYPE b) { return CR_LOW_##LANES(a, b); }                \
  CR_INLINE TYPE cr_interleave_high_##NAME(TYPE a, TYPE b) { return CR_HIGH_##LANES(a, b); }              \
  CR_INLINE TYPE cr_spread_low_##NAME(TYPE a) { return CR_LOW_##LANES(a, (TYPE)0); }                      \
  CR_INLINE TYPE cr_spread_high_##NAME(TYPE a) { return CR_HIGH_##LANES(a, (TYPE)0); }
#define CR_EVENS_16(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
#define CR_ODDS_16(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)
#define CR_FOLLOWING_16(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
#define CR_LOW_16(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define CR_HIGH_16(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define CR_EVENS_8(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14)
#define CR_ODDS_8(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15)
#define CR_FOLLOWING_8(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4, 5, 6, 7, 8)
#define CR_LOW_8(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define CR_HIGH_8(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#define CR_EVENS_4(a, b) __builtin_shufflevector(a, b, 0, 2, 4, 6)
#define CR_ODDS_4(a, b) __builtin_shufflevector(a, b, 1, 3, 5, 7)
#define CR_FOLLOWING_4(a, b) __builtin_shufflevector(a, b, 1, 2, 3, 4)
#define CR_LOW_4(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define CR_HIGH_4(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#define CR_EVENS_2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define CR_ODDS_2(a, b) __builtin_shufflevector(a, b, 1, 3)
#define CR_FOLLOWING_2(a, b) __builtin_shufflevector(a, b, 1, 2)
#define CR_LOW_2(a, b) __builtin_shufflevector(a, b, 0, 2)
#define CR_HIGH_2(a, b) __builtin_shufflevector(a, b, 1, 3)
#if CR_FLOATS == 16
CR_SHUFFLES(cr_floats, floats, 16)
CR_SHUFFLES(cr_doubles, doubles, 8)
#else
CR_SHUFFLES(cr_floats, floats, 4)
CR_SHUFFLES(cr_doubles, doubles, 2)
#endif
#undef CR_SHUFFLES

/* The first lane whose mask is set; the number of lanes if none is. */
typedef long long cr_longs __attribute__((ext_vector_type(CR_DOUBLES)));
CR_INLINE long cr_first_lane_floats(cr_ints mask) {
#if defined(__AVX2__)
  __m256 half[2];
  __builtin_memcpy(half, &mask, 64);
  return __builtin_ctz(_mm256_movemask_ps(half[0]) | _mm256_movemask_ps(half[1]) << 8 | 1 << 16);
#else
  long i = 0;
  while (i < CR_FLOATS && !mask[i]) i++;
  return i;
#endif
}
CR_INLINE long cr_first_lane_doubles(cr_longs mask) {
#if defined(__AVX2__)
  __m256d half[2];
  __builtin_memcpy(half, &mask, 64);
  return __builtin_ctz(_mm256_movemask_pd(half[0]) | _mm256_movemask_pd(half[1]) << 4 | 1 << 8);
#else
  long i = 0;
  while (i < CR_DOUBLES && !mask[i]) i++;
  return i;
#endif
}

/* Copies a row of 4, 8, 12, ... bytes to other memory. What is no whole number of vectors is copied by two that overlap:
   no masks, and branches that are easily foretold. */
CR_INLINE void cr_copy_row(void *to, const void *from, long bytes) {
  typedef float eight __attribute__((ext_vector_type(8)));
  char *d = (char *)to;
  const char *s = (const char *)from;
#define CR_COPY_ENDS(TYPE)                                                                         \
  do {                                                                                             \
    TYPE first, last;                                                                              \
    long rest = bytes - (long)sizeof first;                                                        \
    __builtin_memcpy(&first, s, sizeof first);                                                     \
    __builtin_memcpy(&last, s + rest, sizeof last);                                                \
    __builtin_memcpy(d, &first, sizeof first);                                                     \
    __builtin_memcpy(d + rest, &last, sizeof last);                                                \
  } while (0)
  if (bytes > 64) {
    eight part;
    for (long i = 0; i < bytes - 32; i += 32) {
      __builtin_memcpy(&part, s + i, 32);
      __builtin_memcpy(d + i, &part, 32);
    }
    __builtin_memcpy(&part, s + bytes - 32, 32);
    __builtin_memcpy(d + bytes - 32, &part, 32);
  } else if (bytes >= 32) {
    CR_COPY_ENDS(eight);
  } else if (bytes >= 16) {
    CR_COPY_ENDS(cr_float4);
  } else if (bytes >= 8) {
    CR_COPY_ENDS(uint64_t);
  } else if (bytes >= 4) {
    __builtin_memcpy(d, s, 4);
  }
#undef CR_COPY_ENDS
}

/* to[i] = from[table[i]], and to[table[i]] = from[i]. One element after the other: putting vectors together costs more. */
#define CR_BY_TABLE(ELEMENT, NAME)                                                                 \
  CR_INLINE void cr_gather_##NAME(const ELEMENT *from, const int32_t *table, ELEMENT *to, long n) {  \
    _Pragma("clang loop vectorize(disable) unroll_count(2)")                                       \
    for (long i = 0; i < n; i++) to[i] = from[table[i]];                                           \
  }                                                                                                \
  CR_INLINE void cr_scatter_##NAME(const ELEMENT *from, const int32_t *table, ELEMENT *to, long n) { \
    _Pragma("clang loop vectorize(disable) unroll_count(2)")                                       \
    for (long i = 0; i < n; i++) to[table[i]] = from[i];                                           \
  }
CR_BY_TABLE(float, floats)
CR_BY_TABLE(double, doubles)
#undef CR_BY_TABLE

/* Products of the low halves of 64 bits. */
CR_INLINE cr_words cr_multiply_words(cr_words a, cr_words b) {
#if defined(__AVX512F__)
  return (cr_words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  __m256i x[2], y[2];
  __builtin_memcpy(x, &a, 64);
  __builtin_memcpy(y, &b, 64);
  x[0] = _mm256_mul_epu32(x[0], y[0]);
  x[1] = _mm256_mul_epu32(x[1], y[1]);
  __builtin_memcpy(&a, x, 64);
  return a;
#else
  return (a & 0xffffffffull) * (b & 0xffffffffull);
#endif
}

/* Random words of the even and the odd of a vector of elements, in the low halves of 64 bits: their first 24
   bits as numbers in [0, 1). */
#define CR_JOIN_WORDS(even, odd) ((cr_uints)(((even) & 0xffffffffull) | ((odd) << 32)))
CR_INLINE cr_floats cr_uniform_floats(cr_words even, cr_words odd) {
  cr_ints bits = (cr_ints)(CR_JOIN_WORDS(even, odd) >> 8);
  return __builtin_convertvector(bits, cr_floats) * 0x1p-24f;
}
/* `kept` where those 24 bits are at least `threshold`, else 0. */
CR_INLINE cr_floats cr_choice_floats(cr_words even, cr_words odd, int32_t threshold, float kept) {
  cr_ints bits = (cr_ints)(CR_JOIN_WORDS(even, odd) >> 8);
  cr_ints mask = bits >= threshold;
  cr_ints value = (cr_ints)(cr_floats)kept;
  return (cr_floats)(mask & value);
}
#undef CR_JOIN_WORDS

#endif
