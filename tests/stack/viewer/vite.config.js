import { defineConfig } from 'vite';

export default defineConfig({
  esbuild: { jsx: 'automatic' },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'globalThis' },
  build: { minify: false, reportCompressedSize: false, chunkSizeWarningLimit: 100000, target: 'esnext' },
});
