// Every GraphiQL on an origin has the same keys, and many services share localhost: a prefix keeps their tabs apart.
const PREFIX = "m7b0:";

const keys = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));

export const storage = {
  getItem: (key) => localStorage.getItem(PREFIX + key),
  setItem: (key, value) => localStorage.setItem(PREFIX + key, value),
  removeItem: (key) => localStorage.removeItem(PREFIX + key),
  clear: () => keys().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return keys().length;
  },
};

// The editors start from these keys, not from the first tab: without them a first visit has no variables, and a
// reload after an edit opens the edited operation a second time.
export function startWith({ query, variables }) {
  if (storage.getItem("graphiql:tabState") !== null) return;
  storage.setItem("graphiql:query", query);
  storage.setItem("graphiql:variables", variables);
}
