const t=o=>`var(--c${o%8+1})`,e=o=>getComputedStyle(document.documentElement).getPropertyValue(`--c${o%8+1}`).trim();export{e as a,t as c};
