/* cudnn_calls.h: a convolution as cuDNN is told of it (cudnn.c), for the parts that call it (cudnn_parts.c). */
#ifndef RB_CUDA_CUDNN_CALLS_H
#define RB_CUDA_CUDNN_CALLS_H

#include "cuda/providers.h"

#ifdef REGBENCH_HAVE_CUDNN
#include <cudnn.h>

typedef struct rb__cudnn_conv {
    rb_op_kind kind;
    cudnnTensorDescriptor_t x, y, bias;
    cudnnFilterDescriptor_t w;
    cudnnConvolutionDescriptor_t conv;
    cudnnActivationDescriptor_t act;
    int algo;
    size_t workspace; /* bytes */
    float beta;
    bool fused; /* bias and ReLU */
    char text[64];
} rb__cudnn_conv;

/* What a call reads and writes: of the input side, filters, of the output side, bias. */
typedef struct rb__cudnn_places {
    CUdeviceptr x, w, y, bias, workspace;
} rb__cudnn_places;

/* Descriptors and algorithm of a CONV, CONV_DX or CONV_DW. RB_UNSUPPORTED: the library has nothing for it. */
rb_status rb__cudnn_conv_new(const rb__cuda_device *device, const rb__kn_item *it, rb__cudnn_conv **out);
/* Of db, for rb__cudnn_sum_rows alone. */
rb_status rb__cudnn_rows_new(const rb__cuda_device *device, const rb__kn_item *it, rb__cudnn_conv **out);
void rb__cudnn_conv_free(void *state); /* NULL: nothing */
/* RB_UNSUPPORTED where the library has not what it was asked for. */
rb_status rb__cudnn_convolve(const rb__cuda_device *device, const rb__cudnn_conv *c, const rb__cudnn_places *at);
/* db (K) = sums of dy (N,P,Q,K) over all but K, in fp32. */
rb_status rb__cudnn_sum_rows(const rb__cuda_device *device, const rb__cudnn_conv *c, CUdeviceptr dy, CUdeviceptr db);
#endif

#endif
