/* The matrix product through the library (the "matmul" node) beside a BLAS and the FMA peak, in turns
   in one process: best and median rates.

     cc -O2 -pthread product.c -lchainrule -ldl
     ./product THREADS BLAS.so    (cblas_sgemm; set its own thread count by environment)
   The peak is that of independent FMAs in registers on each thread, measured between the rounds. */
#define _GNU_SOURCE
#include <chainrule.h>
#include <dlfcn.h>
#include <immintrin.h>
#include <pthread.h>

#include "measuring.h"

/* 24 independent chains, 8 million FMAs of 16 (or 8) floats. */
#define CHAINS 24
__attribute__((target("avx512f"))) static double peak_avx512(void) {
  __m512 c[CHAINS], a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-3f);
  int i, k;
  double start;
  for (i = 0; i < CHAINS; i++) c[i] = _mm512_set1_ps((float)i);
  start = now();
  for (k = 0; k < 300000; k++) {
    /* Unrolled by hand, so that the chains stay in registers at any optimisation. */
#define STEP(i) c[i] = _mm512_fmadd_ps(c[i], a, b);
#define STEPS(i) STEP(i) STEP(i + 1) STEP(i + 2) STEP(i + 3) STEP(i + 4) STEP(i + 5) STEP(i + 6) STEP(i + 7)
    STEPS(0) STEPS(8) STEPS(16)
#undef STEP
  }
  start = now() - start;
  for (i = 1; i < CHAINS; i++) c[0] = _mm512_add_ps(c[0], c[i]);
  if (_mm512_reduce_add_ps(c[0]) == 12345.0f) puts("");
  return 2.0 * 16 * CHAINS * 300000 / start * 1e-9;
}
__attribute__((target("avx2,fma"))) static double peak_avx2(void) {
  __m256 c[12], a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
  float last[8];
  int i, k;
  double start;
  for (i = 0; i < 12; i++) c[i] = _mm256_set1_ps((float)i);
  start = now();
  for (k = 0; k < 600000; k++) {
#define STEP(i) c[i] = _mm256_fmadd_ps(c[i], a, b);
    STEPS(0) STEP(8) STEP(9) STEP(10) STEP(11)
  }
  start = now() - start;
  for (i = 1; i < 12; i++) c[0] = _mm256_add_ps(c[0], c[i]);
  _mm256_storeu_ps(last, c[0]);
  if (last[0] == 12345.0f) puts("");
  return 2.0 * 8 * 12 * 600000 / start * 1e-9;
}

static void *peak_thread(void *rate) {
  double avx2 = peak_avx2(), wide = __builtin_cpu_supports("avx512f") ? peak_avx512() : 0;
  *(double *)rate = wide > avx2 ? wide : avx2;
  return NULL;
}

static double peak(int threads) {
  pthread_t other;
  double here, there = 0;
  if (threads > 1) pthread_create(&other, NULL, peak_thread, &there);
  peak_thread(&here);
  if (threads > 1) pthread_join(other, NULL);
  return here + there;
}

typedef void (*sgemm_t)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

int main(int count, char **arguments) {
  static const int sizes[] = {256, 512, 1024, 2048};
  int threads = count > 1 ? atoi(arguments[1]) : 1;
  void *blas = count > 2 ? dlopen(arguments[2], RTLD_NOW) : NULL;
  sgemm_t sgemm = NULL;
  size_t s;
  if (count > 2 && !blas) fprintf(stderr, "%s\n", dlerror());
  if (blas) *(void **)&sgemm = dlsym(blas, "cblas_sgemm");
  must(chainrule_set_num_threads(threads));
  printf("%d threads, %s%s%s\n", threads, chainrule_cpu_level(), blas ? ", beside " : "", blas ? arguments[2] : "");
  for (s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    int n = sizes[s], round, rounds = n <= 512 ? 41 : 15, repeat = n <= 256 ? 20 : n <= 512 ? 4 : 1;
    size_t bytes = sizeof(float) * (size_t)n * (size_t)n, i;
    float *a = aligned_alloc(64, bytes), *b = aligned_alloc(64, bytes), *c = aligned_alloc(64, bytes);
    double own[64], theirs[64], top = 0, work = 2.0 * n * n * (double)n * repeat * 1e-9;
    chainrule_model *model;
    chainrule_node nodes[2], product;
    chainrule_array inputs[2], output;
    char text[64];
    for (i = 0; i < bytes / sizeof(float); i++) a[i] = (float)(i % 7) - 3, b[i] = (float)(i % 5) - 2;
    must(chainrule_model_create(NULL, &model));
    snprintf(text, sizeof text, "shape=%d,%d batched=false", n, n);
    must(chainrule_model_add(model, "input", text, &nodes[0]));
    must(chainrule_model_add(model, "input", text, &nodes[1]));
    must(chainrule_model_add_node(model, "matmul", "", nodes, 2, &product));
    inputs[0] = chainrule_matrix(a, n, n);
    inputs[1] = chainrule_matrix(b, n, n);
    output = chainrule_matrix(c, n, n);
    for (round = 0; round < rounds; round++) {
      int k;
      double start = now(), rate;
      for (k = 0; k < repeat; k++) must(chainrule_model_predict(model, inputs, &output));
      own[round] = work / (now() - start);
      theirs[round] = 0;
      if (sgemm) {
        start = now();
        for (k = 0; k < repeat; k++) sgemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
        theirs[round] = work / (now() - start);
      }
      rate = peak(threads);
      if (rate > top) top = rate;
    }
    qsort(own, (size_t)rounds, sizeof *own, compare);
    qsort(theirs, (size_t)rounds, sizeof *theirs, compare);
    printf("%5d  chainrule %7.1f GFLOP/s (best %7.1f, %5.1f %% of peak %7.1f)   BLAS %7.1f (best %7.1f)   %.2fx\n", n,
           own[rounds / 2], own[rounds - 1], 100 * own[rounds - 1] / top, top, theirs[rounds / 2], theirs[rounds - 1],
           theirs[rounds / 2] > 0 ? own[rounds / 2] / theirs[rounds / 2] : 0.0);
    chainrule_model_free(model);
    free(a), free(b), free(c);
  }
  return 0;
}
