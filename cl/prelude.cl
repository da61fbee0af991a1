/* prelude.cl: comes first in every program: what the kernels share. */
#pragma OPENCL FP_CONTRACT ON
