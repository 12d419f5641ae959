// Intents to begin with, small enough to be read at once. docs/blueprints.md has larger ones.

/** @typedef {{name: string, title: string, about: string, description: string, definition: any}} Example */

/** @type {Example[]} */
export const EXAMPLES = [
  {
    name: "release",
    title: "A release that somebody approves",
    about: "It checks its parameter, asks people, and goes on when they agree.",
    description: "Releases a version once somebody has approved it",
    definition: {
      parameters: {
        type: "object",
        properties: { version: { type: "string", description: "What is released", default: "1.0" } },
      },
      steps: [
        { id: "check", action: "assert", condition: "parameters.version != ''", message: "There is no version" },
        {
          id: "ask",
          action: "approval",
          message: "Release ${{ parameters.version }}?",
          allow_self: true,
          depends_on: ["check"],
        },
        { id: "release", action: "transform", outputs: { released: "${{ parameters.version }}" }, depends_on: ["ask"] },
      ],
    },
  },
  {
    name: "watch-a-site",
    title: "A call that is tried again",
    about: "It asks a service, tries again when that does not answer, and tells how it went.",
    description: "Asks a site whether it is there",
    definition: {
      parameters: {
        type: "object",
        properties: { url: { type: "string", description: "What is asked", default: "https://example.com/" } },
      },
      steps: [
        {
          id: "ask",
          action: "http-request",
          url: "${{ parameters.url }}",
          expect_status: "2xx",
          timeout: 10,
          retry: { max_attempts: 3, initial_interval: 2 },
        },
        { id: "tell", action: "transform", outputs: { status: "${{ steps.ask.outputs.status }}" } },
      ],
    },
  },
  {
    name: "each-region",
    title: "The same for each of a list",
    about: "It does a step for each region, some at a time, and something at last, however that went.",
    description: "Does something for each region",
    definition: {
      parameters: {
        type: "object",
        properties: {
          regions: { type: "array", items: { type: "string" }, description: "Which ones", default: ["eu", "us", "ap"] },
        },
      },
      steps: [
        {
          id: "roll-out",
          action: "transform",
          foreach: "${{ parameters.regions }}",
          concurrency: 2,
          outputs: { done: "${{ item }}" },
        },
      ],
      finally: [{ id: "tidy", action: "transform", outputs: { tidy: true } }],
    },
  },
];
