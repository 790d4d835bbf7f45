// Applies the patches that realtime/live/diff.py makes. Pure: the old value is left as it was, and what
// did not change is shared with the new one.

/** Return the value that `patch` makes of `value`. Throws when the patch doesn't fit. */
export function applyPatch(value, patch) {
  const copied = new Set();
  let root = value;
  for (const [kind, path, argument] of patch) {
    root = applyAt(root, path, 0, kind, argument, copied);
  }
  return root;
}

function applyAt(node, path, depth, kind, argument, copied) {
  if (depth === path.length) {
    return kind === "r" ? assemble(node, argument) : argument;
  }
  if (node === null || typeof node !== "object") throw new Error("The patch doesn't fit the value");
  const own = copied.has(node) ? node : copyOf(node, copied);
  const key = path[depth];
  if (kind === "d" && depth === path.length - 1) {
    delete own[key];
    return own;
  }
  const child = applyAt(own[key], path, depth + 1, kind, argument, copied);
  // A key named "__proto__" is data like any other: an assignment would change the prototype instead.
  if (key === "__proto__")
    Object.defineProperty(own, key, { value: child, enumerable: true, configurable: true, writable: true });
  else own[key] = child;
  return own;
}

function copyOf(node, copied) {
  const own = Array.isArray(node) ? node.slice() : { ...node };
  copied.add(own);
  return own;
}

function assemble(old, runs) {
  if (!Array.isArray(old)) throw new Error("The patch doesn't fit the value");
  const built = [];
  for (const run of runs) {
    if (run.length === 2) {
      for (let index = run[0]; index < run[0] + run[1]; index++) built.push(old[index]);
    } else {
      for (const value of run[0]) built.push(value);
    }
  }
  return built;
}
