/* kernels.h: before the source of CUDA kernels, so that the host's C++ compiler makes a library of them for
 * host_driver.c.
 *
 * A block's threads are fibres of the driver: it sets rb_host before it enters one, and __syncthreads goes back to it.
 * Nothing but compiler's builtins: a header of the C++ library would cost more than the kernels. */
typedef __SIZE_TYPE__ size_t;

struct rb_index {
    unsigned x;
};
extern "C" {
struct rb_host {
    rb_index thread, block;
    void (*barrier)(void);
};
rb_host *rb_host_now;
}
#define threadIdx       (rb_host_now->thread)
#define blockIdx        (rb_host_now->block)
#define __syncthreads() rb_host_now->barrier()
#define __global__
#define __device__
#define __host__
#define __launch_bounds__(n)
#define __shared__ static /* blocks run one after another */

struct float2 {
    float x, y;
};
struct float4 {
    float x, y, z, w;
};
struct int2 {
    int x, y;
};
struct int4 {
    int x, y, z, w;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline int2 make_int2(int x, int y) { return {x, y}; }
static inline int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }

static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline float exp(float x) { return __builtin_expf(x); }
static inline float log(float x) { return __builtin_logf(x); }
static inline float log1p(float x) { return __builtin_log1pf(x); }
static inline float sqrt(float x) { return __builtin_sqrtf(x); }
static inline float fabs(float x) { return __builtin_fabsf(x); }
static inline float floor(float x) { return __builtin_floorf(x); }
static inline float sin(float x) { return __builtin_sinf(x); }
static inline float cos(float x) { return __builtin_cosf(x); }
static inline int __float_as_int(float x) {
    int word;
    __builtin_memcpy(&word, &x, sizeof word);
    return word;
}

static inline float __int_as_float(int word) {
    float x;
    __builtin_memcpy(&x, &word, sizeof x);
    return x;
}

/* rb_call_NAME and rb_sizes_NAME of every kernel, which host_nvrtc.c asks for behind the source. */
template <int... I> struct rb_numbers {};
template <int N, int... I> struct rb_count : rb_count<N - 1, N - 1, I...> {};
template <int... I> struct rb_count<0, I...> { typedef rb_numbers<I...> type; };
template <class... A, int... I> static inline void rb_call(void (*kernel)(A...), void **p, rb_numbers<I...>) {
    kernel(*(A *)p[I]...);
}
template <class... A> static inline void rb_enter(void (*kernel)(A...), void **p) {
    rb_call(kernel, p, typename rb_count<(int)sizeof...(A)>::type());
}
template <class... A> static inline int rb_argument_sizes(void (*)(A...), int *sizes) {
    int n = 0;
    ((sizes[n++] = (int)sizeof(A)), ...);
    return n;
}
#define RB_KERNEL(name)                                                                                                \
    extern "C" void rb_call_##name(void **p) { rb_enter(name, p); }                                                    \
    extern "C" int rb_sizes_##name(int *sizes) { return rb_argument_sizes(name, sizes); }
