// Two texts, line by line: what was taken away, what was added, and what stayed around that.

/** @typedef {{kind: "same"|"added"|"gone"|"cut", text: string, before: number|null, after: number|null}} Line */

/** Lines that are shown before and behind a change. */
const AROUND = 3;

/** @param {string} before @param {string} after @returns {Line[]} */
export function lines(before, after) {
  const old = before.split("\n"),
    now = after.split("\n");
  let head = 0;
  while (head < Math.min(old.length, now.length) && old[head] === now[head]) head += 1;
  let tail = 0;
  const least = Math.min(old.length, now.length) - head;
  while (tail < least && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail += 1;
  /** @type {Line[]} */
  const found = old.slice(0, head).map((text, at) => ({ kind: "same", text, before: at + 1, after: at + 1 }));
  found.push(...between(old.slice(head, old.length - tail), now.slice(head, now.length - tail), head));
  for (let at = tail; at > 0; at -= 1) {
    const text = old[old.length - at];
    found.push({ kind: "same", text, before: old.length - at + 1, after: now.length - at + 1 });
  }
  return shortened(found);
}

/**
 * What lies between the first and the last change, by the longest common subsequence.
 * @param {string[]} old
 * @param {string[]} now
 * @param {number} head
 * @returns {Line[]}
 */
function between(old, now, head) {
  const longest = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      longest[i][j] = old[i] === now[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
    }
  }
  /** @type {Line[]} */
  const found = [];
  let i = 0,
    j = 0;
  while (i < old.length || j < now.length) {
    const before = head + i + 1,
      after = head + j + 1;
    if (i < old.length && j < now.length && old[i] === now[j]) {
      found.push({ kind: "same", text: old[i], before, after });
      i += 1;
      j += 1;
    } else if (j >= now.length || (i < old.length && longest[i + 1][j] >= longest[i][j + 1])) {
      found.push({ kind: "gone", text: old[i], before, after: null });
      i += 1;
    } else {
      found.push({ kind: "added", text: now[j], before: null, after });
      j += 1;
    }
  }
  return found;
}

/** Without what is far from every change. @param {Line[]} all @returns {Line[]} */
function shortened(all) {
  const near = new Uint8Array(all.length);
  for (const [at, line] of all.entries()) {
    if (line.kind !== "same") near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1);
  }
  return all.flatMap((line, at) => {
    if (near[at]) return [line];
    return at > 0 && !near[at - 1] ? [] : [{ kind: "cut", text: "…", before: null, after: null }];
  });
}
