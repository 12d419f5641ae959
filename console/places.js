// Every page: where it is, what it is called, who is shown it, and in which part of the navigation.
import { Approvals } from "./views/approvals.js";
import { Audit } from "./views/audit.js";
import { Dashboard } from "./views/dashboard.js";
import { ExecutionPage } from "./views/execution.js";
import { Executions } from "./views/executions.js";
import { IntentPage } from "./views/intent.js";
import { Intents } from "./views/intents.js";
import { MemberPage, Members } from "./views/members.js";
import { ModulePage, Modules } from "./views/modules.js";
import { Policies, PolicyPage } from "./views/policies.js";
import { SchedulePage, Schedules } from "./views/schedules.js";
import { SecretPage, Secrets } from "./views/secrets.js";
import { Settings } from "./views/settings.js";
import { SubscriptionPage, Subscriptions } from "./views/subscriptions.js";
import { TenantPage, Tenants } from "./views/tenants.js";

/**
 * @typedef {{path: string, title: string, view: any, one?: any, operation: string}} Page
 * `view` is the page at `#/path`, `one` those below it; `operation` is what one has to be permitted to be shown it.
 */

/** @type {{title: string, pages: Page[]}[]} */
const PARTS = [
  {
    title: "Platform",
    pages: [{ path: "tenants", title: "Tenants", view: Tenants, one: TenantPage, operation: "tenants.list" }],
  },
  {
    title: "Work",
    pages: [
      { path: "dashboard", title: "Dashboard", view: Dashboard, operation: "executions.read" },
      { path: "intents", title: "Intents", view: Intents, one: IntentPage, operation: "intents.read" },
      { path: "executions", title: "Executions", view: Executions, one: ExecutionPage, operation: "executions.read" },
      { path: "approvals", title: "Approvals", view: Approvals, operation: "executions.read" },
    ],
  },
  {
    title: "Automation",
    pages: [
      { path: "schedules", title: "Schedules", view: Schedules, one: SchedulePage, operation: "schedules.read" },
      {
        path: "subscriptions", title: "Webhooks", view: Subscriptions, one: SubscriptionPage,
        operation: "subscriptions.read",
      },
      { path: "modules", title: "Modules", view: Modules, one: ModulePage, operation: "modules.read" },
      { path: "secrets", title: "Secrets", view: Secrets, one: SecretPage, operation: "secrets.read" },
    ],
  },
  {
    title: "Governance",
    pages: [
      { path: "members", title: "Members", view: Members, one: MemberPage, operation: "members.read" },
      { path: "policies", title: "Policies", view: Policies, one: PolicyPage, operation: "policies.read" },
      { path: "audit", title: "Audit", view: Audit, operation: "audit.read" },
      { path: "settings", title: "This tenant", view: Settings, operation: "tenants.read" },
    ],
  },
];

/** The parts of the navigation with the pages that somebody with these operations is shown. */
export function partsFor(/** @type {string[]} */ operations) {
  const shown = (/** @type {Page} */ page) => operations.includes(page.operation);
  return PARTS.map(({ title, pages }) => ({ title, pages: pages.filter(shown) })).filter(({ pages }) => pages.length);
}
