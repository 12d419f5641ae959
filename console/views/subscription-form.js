// The form that makes or changes a webhook. The secret of a new one is shown once, when it is made.
import { html, useState } from "../vendor/preact.js";
import { part } from "../lib/api.js";
import { EVENT_TYPES, worded } from "../lib/event-types.js";
import { go, to } from "../lib/router.js";
import { change, create } from "../lib/stored.js";
import { Check, Saving, Sheet, Text, useForm } from "../ui/forms.js";
import { Once } from "../ui/once.js";
import { useToasts } from "../ui/parts.js";

const FRESH = { name: "", url: "", events: ["execution_failed"], enabled: true, description: "" };

/** @param {{subscription: any}} props null: a new one */
export function SubscriptionForm({ subscription }) {
  const was = subscription ?? FRESH;
  const form = useForm({ ...was, every: was.events.includes("*") });
  const [made, setMade] = useState(/** @type {any} */ (null));
  const { tell } = useToasts();
  const save = form.submit(async ({ name, url, events, every, enabled, description }) => {
    const chosen = events.filter((/** @type {string} */ one) => one !== "*");
    const body = { url: url.trim(), events: every ? ["*"] : chosen, enabled, description };
    const path = `/subscriptions/${part(name)}`;
    if (!subscription) { setMade(await create(path, body)); return; }
    await change(path, body);
    tell("ok", "Saved.");
    go(to(["subscriptions", name]));
  });
  const title = subscription ? `Change ${subscription.name}` : made ? `${made.name} is made` : "Add a webhook";
  return html`<div class="stack"><h1>${title}</h1>${made
    ? html`<${Once} title="Its secret, shown this once" value=${made.secret}
        text="Give it to the receiver: with it, it verifies that deliveries are the platform's.">
        <a class="button" href=${to(["subscriptions", made.name])}>I have kept it</a><//>`
    : html`<${Sheet} save=${save}>
      ${subscription ? null : html`<${Text} form=${form} name="name" label="Name" required autocomplete="off"
        maxlength="63" hint="Small letters, digits and -" />`}
      <${Text} form=${form} name="description" label="What it is for" />
      <${Text} form=${form} name="url" label="Address" required type="url" mono autocomplete="off"
        hint="Where events are sent by POST" />
      <${Types} form=${form} />
      <${Check} form=${form} name="enabled" label="Events are sent" />
      <${Saving} form=${form} label=${subscription ? "Save" : "Add it"}>
        <a class="button quiet" href=${to(subscription ? ["subscriptions", subscription.name] : ["subscriptions"])}>
          Not now</a>
      <//>
    <//>`}</div>`;
}

function Types({ form }) {
  const { events, every } = form.state, wrong = form.wrong("/events");
  const toggle = (/** @type {string} */ type) => form.set("events",
    events.includes(type) ? events.filter((/** @type {string} */ one) => one !== type) : [...events, type]);
  return html`<fieldset class="group"><legend>Events</legend>
    <${Check} form=${form} name="every" label="Every type, also those that there will be" />
    ${every ? null : Object.entries(EVENT_TYPES).map(([about, types]) => html`<fieldset key=${about} class="choices">
      <legend>${about}</legend>
      ${types.map((type) => html`<label key=${type} class="check">
        <input type="checkbox" checked=${events.includes(type)} onChange=${() => toggle(type)} />${worded(type)}
      </label>`)}</fieldset>`)}
    ${wrong ? html`<p class="wrong">${wrong}</p>` : null}
  </fieldset>`;
}
