import { defineConfig } from 'vite';

/* The same sources give the same bytes: names come from contents alone, no date and no path goes in. */
export default defineConfig({
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
  },
  worker: { format: 'es' },
  server: { proxy: { '/ui': 'http://127.0.0.1:8888', '/apis': 'http://127.0.0.1:8888' } },
});
