# The image of vovnet-serve. Targets: cpu (docker build --target cpu .) and gpu (docker build --target gpu .).
# Any builder of OCI images will do: nothing here needs BuildKit. Running it, and the sizes, are in deploy/README.md.

# Bases are arguments so that a release can pin them by digest: --build-arg NODE_IMAGE=docker.io/library/node@sha256:...
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG DEBIAN_IMAGE=docker.io/library/debian:bookworm-slim
ARG CUDA_IMAGE=docker.io/nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && rm -f dist/.tsbuildinfo

# What runs, and nothing of other platforms: onnxruntime-node carries the binaries of all it knows. OpenTelemetry comes three times
# over, for bundlers too; Node takes build/src.
FROM ${NODE_IMAGE} AS modules
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev \
 && find node_modules/onnxruntime-node/bin/napi-v6 -mindepth 2 -maxdepth 2 ! -path "*/$(node -p 'process.platform + "/" + process.arch')" -exec rm -rf {} + \
 && rm -rf node_modules/@opentelemetry/*/build/esm node_modules/@opentelemetry/*/build/esnext \
 && find node_modules -name '*.map' -delete \
 && du -sh node_modules node_modules/onnxruntime-node/bin/napi-v6/*/*

# tini reaps and forwards signals; a Node process that is PID 1 ignores those it has not yet asked for.
FROM ${NODE_IMAGE} AS init
RUN apt-get update && apt-get install -y --no-install-recommends tini

# Everything of ours, laid out as in the image. Node alone is taken from its image: npm and yarn have no use at run time.
FROM scratch AS service
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=init /usr/bin/tini-static /usr/local/bin/tini
COPY package.json LICENSE /app/
COPY --from=build /app/dist /app/dist
# What lies in the context's weights/ is baked in; a volume at /weights takes its place.
COPY weights /weights

FROM ${DEBIAN_IMAGE} AS cpu
COPY --from=service / /
COPY --from=modules /app/node_modules /app/node_modules
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vovnet-serve" \
      org.opencontainers.image.description="VoVNet / VoVNetV2 backbones behind HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# sharp decodes on libuv's pool, 4 threads unless told before the start; how many decode at once is DECODE_THREADS' to say.
ENV NODE_ENV=production WEIGHTS_DIR=/weights UV_THREADPOOL_SIZE=64
WORKDIR /app
# A number, so that an orchestrator sees that it is not root. It owns nothing and needs to write nothing.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/ready`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "dist/cli.js"]
CMD ["serve"]

# The CUDA provider is too large for the npm registry; the package's own script fetches what matches its version.
FROM modules AS gpu-modules
RUN node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install \
 && rm -f node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime_providers_tensorrt.so

FROM ${CUDA_IMAGE} AS gpu
COPY --from=service / /
COPY --from=gpu-modules /app/node_modules /app/node_modules
# The base must hold what the provider was linked against, and cuDNN, which it opens by itself. The driver's library comes with the machine.
RUN cd /app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64 \
 && needs=$(LD_LIBRARY_PATH=".:$LD_LIBRARY_PATH" ldd libonnxruntime_providers_cuda.so) \
 && if echo "$needs" | grep 'not found' | grep -v libcuda.so.1; then echo 'CUDA_IMAGE lacks these libraries of the provider' >&2; exit 1; fi \
 && if ! ldconfig -p | grep -q 'libcudnn\.so\.9'; then echo 'CUDA_IMAGE lacks cuDNN 9' >&2; exit 1; fi
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="vovnet-serve" \
      org.opencontainers.image.description="VoVNet / VoVNetV2 backbones behind HTTP, on CUDA" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# sharp decodes on libuv's pool, 4 threads unless told before the start; how many decode at once is DECODE_THREADS' to say.
ENV NODE_ENV=production WEIGHTS_DIR=/weights UV_THREADPOOL_SIZE=64
WORKDIR /app
USER 10001:10001
EXPOSE 8080
# A GPU's warm-up chooses kernels for every batch size, which takes longer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/health/ready`).then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "dist/cli.js"]
CMD ["serve"]
