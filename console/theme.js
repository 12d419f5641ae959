// Before anything is painted: the theme that was chosen, if one was.
{
  const chosen = localStorage.getItem("quantum.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}
