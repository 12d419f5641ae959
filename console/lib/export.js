// All that a tenant has, as a file.
import { part, send } from "./api.js";

/** It is no link, for a link would have no token; browsers keep a large file on the disk. */
export async function take(/** @type {string} */ tenant) {
  const response = await send("GET", `/tenants/${part(tenant)}/export`);
  const address = URL.createObjectURL(await response.blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = `${tenant}.ndjson`;
  link.click();
  URL.revokeObjectURL(address);
}
