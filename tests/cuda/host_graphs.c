/* host_graphs.c: streams, captures, graphs and events of the stand-in for libcuda. */
#include "cuda/host_driver.h"

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
    TROUBLE;
    (void)flags;
    return (*stream = calloc(1, sizeof **stream)) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuStreamDestroy_v2(CUstream stream) {
    free(stream->queue.tasks);
    free(stream->recorded.tasks);
    free(stream);
    return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
    TROUBLE;
    if (mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return CUDA_ERROR_INVALID_VALUE; /* others may go on */
    host_captures++;
    stream->capturing = true;
    stream->recorded.n = 0;
    return CUDA_SUCCESS;
}

static void copy_list(list *to, const list *from) {
    memset(to, 0, sizeof *to);
    for (size_t i = 0; i < from->n; i++) *host_add(to) = from->tasks[i];
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
    stream->capturing = false;
    *graph = NULL;
    host_captures--;
    if (host_spoiled) {
        host_spoiled = 0;
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    *graph = calloc(1, sizeof **graph);
    copy_list(&(*graph)->steps, &stream->recorded);
    return host_lasting;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags) {
    TROUBLE;
    if (flags) return CUDA_ERROR_INVALID_VALUE;
    *out = calloc(1, sizeof **out);
    copy_list(&(*out)->steps, &graph->steps);
    return CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec graph, CUstream stream) {
    TROUBLE;
    return graph && !stream->capturing ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream) {
    TROUBLE;
    host_calls.graphs++;
    if ((long)graph->steps.n > host_calls.most_nodes) host_calls.most_nodes = (long)graph->steps.n;
    for (size_t i = 0; i < graph->steps.n; i++) *host_task(stream) = graph->steps.tasks[i];
    return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph graph) {
    free(graph->steps.tasks);
    free(graph);
    return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec graph) {
    free(graph->steps.tasks);
    free(graph);
    return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
    TROUBLE;
    (void)flags;
    return (*event = calloc(1, sizeof **event)) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuEventDestroy_v2(CUevent event) {
    free(event);
    return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
    TROUBLE;
    task *t = host_task(stream);
    t->kind = MARK;
    t->event = event;
    return CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
    *milliseconds = (float)(end->ms - start->ms);
    return CUDA_SUCCESS;
}
