// A small layered layout: columns are the plan's levels, and columns for which there is no room go on in the next line,
// as words do; within a column, steps stand near what they depend on.

/** In CSS pixels. */
export const HEIGHT = 52;
/** Of a step: as wide as the longest name wants, but not so wide that few have room. */
const NARROWEST = 164,
  WIDEST = 260,
  LETTER = 8.6,
  BESIDE_NAME = 62;
const GAP_X = 36,
  GAP_Y = 18,
  GAP_LINE = 44;
/** Most steps of a column; a level with more takes several. */
const TALLEST = 10;

/** @typedef {{x: number, y: number, line: number}} Spot */
/** @typedef {{from: string, to: string, path: string}} Edge */

/** How wide each step is drawn. @param {{id: string}[]} nodes */
export function widthFor(nodes) {
  const longest = Math.max(0, ...nodes.map((node) => node.id.length));
  return Math.round(Math.min(WIDEST, Math.max(NARROWEST, longest * LETTER + BESIDE_NAME)));
}

/** How many columns there is room for. @param {number} room @param {number} wide of each */
export const columnsIn = (room, wide = NARROWEST) => Math.max(1, Math.floor((room + GAP_X) / (wide + GAP_X)));

/**
 * @param {{id: string, depends_on: string[]}[]} nodes
 * @param {string[][]} levels ids, level by level
 * @param {number} [across] most steps beside each other
 * @param {boolean} [down] whether levels lie below each other, for where there is room for few
 * @param {number} [wide] of each step
 * @returns {{places: Map<string, Spot>, width: number, height: number, edges: Edge[]}}
 */
export function layout(nodes, levels, across = Infinity, down = false, wide = NARROWEST) {
  const groups = groupsOf(nodes, levels, down ? across : TALLEST);
  /** @type {Map<string, Spot>} */
  const places = new Map();
  const height = Math.max(0, down ? below(groups, across, places, wide) : beside(groups, across, places, wide));
  const most = Math.min(across, down ? Math.max(0, ...groups.map((group) => group.length)) : groups.length);
  return { places, edges: edgesOf(nodes, places, wide), width: Math.max(0, widthOf(most, wide)), height };
}

/**
 * Each group is a column, in lines of so many.
 * @param {string[][]} groups
 * @param {number} across
 * @param {Map<string, Spot>} places
 * @param {number} wide
 */
function beside(groups, across, places, wide) {
  let top = 0;
  for (const [line, columns] of chunks(groups, across).entries()) {
    const height = heightOf(Math.max(...columns.map((column) => column.length)));
    for (const [at, column] of columns.entries()) {
      const above = top + (height - heightOf(column.length)) / 2;
      column.forEach((id, row) => places.set(id, { x: at * (wide + GAP_X), y: above + row * (HEIGHT + GAP_Y), line }));
    }
    top += height + GAP_LINE;
  }
  return top - GAP_LINE;
}

/**
 * Each group is a line.
 * @param {string[][]} groups
 * @param {number} across
 * @param {Map<string, Spot>} places
 * @param {number} wide
 */
function below(groups, across, places, wide) {
  const widest = widthOf(Math.min(across, Math.max(0, ...groups.map((group) => group.length))), wide);
  for (const [line, group] of groups.entries()) {
    const left = (widest - widthOf(group.length, wide)) / 2;
    group.forEach((id, at) => places.set(id, { x: left + at * (wide + GAP_X), y: line * (HEIGHT + GAP_LINE), line }));
  }
  return groups.length * (HEIGHT + GAP_LINE) - GAP_LINE;
}

/**
 * The levels, each in groups of at most so many.
 * @param {{id: string, depends_on: string[]}[]} nodes
 * @param {string[][]} levels
 * @param {number} most
 */
function groupsOf(nodes, levels, most) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** @type {Map<string, number>} */
  const row = new Map();
  const sorted = levels.map((level) => {
    const ids = level.filter((id) => byId.has(id));
    const wanted = new Map(ids.map((id, at) => [id, centre(byId.get(id)?.depends_on ?? [], row, at)]));
    ids.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
    ids.forEach((id, at) => row.set(id, at - (ids.length - 1) / 2));
    return ids;
  });
  return sorted.flatMap((ids) => chunks(ids, most));
}

/**
 * @param {{id: string, depends_on: string[]}[]} nodes
 * @param {Map<string, Spot>} places
 * @param {number} wide
 * @returns {Edge[]}
 */
function edgesOf(nodes, places, wide) {
  return nodes.flatMap((node) => {
    const there = places.get(node.id);
    return node.depends_on.flatMap((from) => {
      const here = places.get(from);
      return here && there ? [{ from, to: node.id, path: curve(here, there, wide) }] : [];
    });
  });
}

/** @template T @param {T[]} all @param {number} size @returns {T[][]} */
function chunks(all, size) {
  if (!all.length) return [];
  return all.length <= size ? [all] : [all.slice(0, size), ...chunks(all.slice(size), size)];
}

const widthOf = (/** @type {number} */ columns, /** @type {number} */ wide) => columns * (wide + GAP_X) - GAP_X;
const heightOf = (/** @type {number} */ rows) => rows * HEIGHT + (rows - 1) * GAP_Y;

/** @param {string[]} ids @param {Map<string, number>} row @param {number} otherwise */
function centre(ids, row, otherwise) {
  const rows = ids.map((id) => row.get(id)).filter((one) => one !== undefined);
  return rows.length ? rows.reduce((sum, one) => sum + one, 0) / rows.length : otherwise;
}

/**
 * From the right of a step to the left of another; from line to line, from its foot to the other's head.
 * @param {Spot} from
 * @param {Spot} to
 * @param {number} wide
 */
function curve(from, to, wide) {
  if (from.line !== to.line) {
    const x1 = from.x + wide / 2,
      y1 = from.y + HEIGHT,
      x2 = to.x + wide / 2,
      y2 = to.y;
    const bend = Math.max(GAP_LINE / 2, (y2 - y1) / 3);
    return `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  }
  const x1 = from.x + wide,
    y1 = from.y + HEIGHT / 2,
    x2 = to.x,
    y2 = to.y + HEIGHT / 2;
  const bend = Math.max(GAP_X / 2, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}

/**
 * The step that an arrow key leads to: the nearest in its direction, rather ahead than aside.
 * @param {Map<string, Spot>} places
 * @param {string} from
 * @param {string} key
 */
export function neighbour(places, from, key) {
  const here = places.get(from);
  if (!here) return from;
  const [dx, dy] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key] ?? [0, 0];
  let best = from,
    least = Infinity;
  for (const [id, spot] of places) {
    const x = spot.x - here.x,
      y = spot.y - here.y;
    const ahead = x * dx + y * dy,
      aside = Math.abs(x * dy) + Math.abs(y * dx);
    if (ahead > 0 && ahead + 2 * aside < least) [best, least] = [id, ahead + 2 * aside];
  }
  return best;
}
