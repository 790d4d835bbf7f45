// Records, in the page that is measured, when a number of a chart's data has been drawn. Changes nothing of the page.
// Runs before the page's own scripts. What it wrote down is window.tideboardBench:
//   paints:   [[at, newest, [numbers not drawn before]], …], `at` in Unix milliseconds by the page's clock
//   removals: how often a chart left the DOM
// A number counts as drawn when the chart's data hold it *and* its SVG has been mutated since: the observer is called
// after the script that drew has ended, so that is no earlier than the DOM's being complete.
(() => {
  if (window.tideboardBench) return;
  const record = { paints: [], removals: 0 };
  window.tideboardBench = record;
  const drawn = new Set();
  const CHART = ".js-plotly-plot";

  // What the page spends in here counts against it, so it looks at the newest points only until it meets a drawn one.
  const note = (chart, at) => {
    const appeared = [];
    let newest = 0;
    for (const trace of chart.data || []) {
      const values = trace.y || [];
      for (let index = values.length - 1; index >= 0; index--) {
        const value = values[index];
        if (!Number.isInteger(value) || value <= 0) continue;
        newest = Math.max(newest, value);
        if (drawn.has(value)) break;
        drawn.add(value);
        appeared.unshift(value);
      }
    }
    if (newest > 0) record.paints.push([at, newest, appeared]);
  };

  const chartsIn = (node) =>
    node.nodeType !== Node.ELEMENT_NODE
      ? []
      : node.matches(CHART)
        ? [node]
        : [...node.querySelectorAll(CHART)];

  // Attributes are watched inside of charts alone: a page changes many more elsewhere, and each would be told in here.
  const drawings = new MutationObserver((mutations) => {
    const at = performance.timeOrigin + performance.now();
    const touched = new Set();
    let last = null; // the layer met last: hundreds of mutations are in the same one
    for (const { target } of mutations) {
      if (last !== null && last.contains(target)) continue;
      const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
      const layer = element && element.closest(".cartesianlayer"); // hovering and dragging draw outside of it
      if (!layer) continue;
      last = layer;
      touched.add(layer.closest(CHART));
    }
    for (const chart of touched) if (chart && chart.isConnected && chart.querySelector(".main-svg")) note(chart, at);
  });
  const watched = new WeakSet();
  const follow = (chart, at) => {
    if (!watched.has(chart)) drawings.observe(chart, { subtree: true, childList: true, attributes: true });
    watched.add(chart);
    if (chart.isConnected && chart.querySelector(".main-svg")) note(chart, at);
  };

  const observer = new MutationObserver((mutations) => {
    const at = performance.timeOrigin + performance.now();
    for (const { target, addedNodes, removedNodes } of mutations) {
      // Plotly names its element when it draws in it first, and that is seen by what it adds.
      const own = target.nodeType === Node.ELEMENT_NODE && addedNodes.length > 0 ? target.closest(CHART) : null;
      if (own && !watched.has(own)) follow(own, at);
      for (const node of addedNodes) for (const found of chartsIn(node)) follow(found, at);
      for (const node of removedNodes) record.removals += chartsIn(node).length;
    }
  });
  const watch = (root) => observer.observe(root, { subtree: true, childList: true });
  watch(document);

  // An observer doesn't see into shadow trees, so each is watched as it is made.
  const attachShadow = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attachShadow.call(this, options);
    watch(root);
    return root;
  };
})();
