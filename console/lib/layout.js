// A small layered layout: columns are the plan's levels; within a column, steps stand near what they depend on.

export const WIDTH = 164, HEIGHT = 52, GAP_X = 36, GAP_Y = 18;

/**
 * @param {{id: string, depends_on: string[]}[]} nodes
 * @param {string[][]} levels ids, level by level
 * @returns {{places: Map<string, {x: number, y: number}>, width: number, height: number, edges: {from: string, to: string, path: string}[]}}
 */
export function layout(nodes, levels) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  /** @type {Map<string, number>} */
  const row = new Map();
  const columns = levels.map((level) => level.filter((id) => byId.has(id)));
  for (const column of columns) {
    const wanted = new Map(column.map((id, at) => [id, centre(byId.get(id)?.depends_on ?? [], row, at)]));
    column.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
    column.forEach((id, at) => row.set(id, at - (column.length - 1) / 2));
  }
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  const height = tallest * HEIGHT + (tallest - 1) * GAP_Y;
  const places = new Map(columns.flatMap((column, x) => column.map((id) => [id, {
    x: x * (WIDTH + GAP_X), y: height / 2 - HEIGHT / 2 + (row.get(id) ?? 0) * (HEIGHT + GAP_Y),
  }])));
  const edges = nodes.flatMap((node) => node.depends_on.filter((from) => places.has(from) && places.has(node.id)).map((from) => ({
    from, to: node.id, path: curve(/** @type {any} */ (places.get(from)), /** @type {any} */ (places.get(node.id))),
  })));
  return { places, edges, height, width: columns.length * WIDTH + Math.max(0, columns.length - 1) * GAP_X };
}

/** @param {string[]} ids @param {Map<string, number>} row @param {number} otherwise */
function centre(ids, row, otherwise) {
  const rows = ids.map((id) => row.get(id)).filter((one) => one !== undefined);
  return rows.length ? rows.reduce((sum, one) => sum + one, 0) / rows.length : otherwise;
}

/** @param {{x: number, y: number}} from @param {{x: number, y: number}} to */
function curve(from, to) {
  const x1 = from.x + WIDTH, y1 = from.y + HEIGHT / 2, x2 = to.x, y2 = to.y + HEIGHT / 2;
  const bend = Math.max(GAP_X / 2, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
