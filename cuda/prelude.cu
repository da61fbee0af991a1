/* prelude.cu: words of OpenCL C for CUDA C++, so that the gpu family of cl/ compiles as it is.
 *
 * Between portable.h and cl/prelude.cl. Compiled by NVRTC, where functions without a word about it are for the device
 * (--device-as-default-execution-space). Division and square root are rounded as IEEE says, nothing is contracted but
 * a * b + c, nothing hides a NaN. */
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;

#define __global /* pointers say nothing about where they point */
#define __local
#define __kernel   extern "C" __global__
#define WORK_GROUP __launch_bounds__(LOCAL)

#define get_group_id(dimension) blockIdx.x
#define get_local_id(dimension) threadIdx.x
/* A product's short pieces of the depth: NVRTC would leave the loop, whose upkeep is a tenth of it. */
#define UNROLL_SHORT UNROLL
/* Both kinds of memory, as seen by the group. */
#define barrier(fence) __syncthreads()

#define convert_int(v)   ((int)(v))
#define convert_float(v) ((float)(v))
#define convert_uchar(v) ((uchar)(v))
#define as_int(v)        __float_as_int(v)
#define as_float(v)      __int_as_float(v)

#define FLOAT2(x, y)       make_float2((x), (y))
#define FLOAT4(x, y, z, w) make_float4((x), (y), (z), (w))
#define INT2(x, y)         make_int2((x), (y))
#define INT4(x, y, z, w)   make_int4((x), (y), (z), (w))

static inline float2 &operator+=(float2 &a, float2 b) {
    a.x += b.x, a.y += b.y;
    return a;
}

static inline float4 &operator+=(float4 &a, float4 b) {
    a.x += b.x, a.y += b.y, a.z += b.z, a.w += b.w;
    return a;
}
