package arm

import "net/http"

// metadata describes the cloud to clients that register it by its ARM
// endpoint: an object in older versions, a list of clouds since 2019-05-01.
//
// Source: https://learn.microsoft.com/azure-stack/user/azure-stack-version-profiles-azurecli2#connect-to-azure-stack-hub
func (s *Server) metadata(w http.ResponseWriter, r *http.Request) {
	audience := "https://management.core.windows.net/"
	version := r.URL.Query().Get("api-version")
	if version != "" && version < "2019-05-01" {
		writeJSON(w, http.StatusOK, map[string]any{
			"galleryEndpoint": s.o.BaseURL, "graphEndpoint": s.o.GraphEndpoint, "portalEndpoint": s.o.BaseURL,
			"authentication": map[string]any{"loginEndpoint": s.o.AuthorityHost + "/", "audiences": []string{audience}},
		})
		return
	}
	cloud := map[string]any{
		"name": "AzureSim", "portal": s.o.BaseURL,
		"authentication": map[string]any{
			"loginEndpoint": s.o.AuthorityHost, "audiences": []string{audience, "https://management.azure.com/"},
			"tenant": "common", "identityProvider": "AAD",
		},
		"media": s.o.BaseURL, "graph": s.o.GraphEndpoint, "graphAudience": s.o.GraphEndpoint,
		"microsoftGraphResourceId": s.o.GraphEndpoint + "/", "resourceManager": s.o.BaseURL + "/",
		"batch": "https://batch.core.windows.net/", "sqlManagement": "https://management.core.windows.net:8443/",
		"vmImageAliasDoc": s.o.BaseURL + "/aliases.json", "gallery": s.o.BaseURL,
		"activeDirectoryDataLake": "https://datalake.azure.net/",
		"ossrDbmsResourceId":      "https://ossrdbms-aad.database.windows.net",
		"logAnalyticsResourceId":  "https://api.loganalytics.io", "appInsightsResourceId": "https://api.applicationinsights.io",
		"synapseAnalyticsResourceId": "https://dev.azuresynapse.net",
		"suffixes": map[string]any{
			"acrLoginServer": s.o.ACRSuffix, "storage": "core.windows.net", "keyVaultDns": "vault.azure.net",
			"sqlServerHostname": "database.windows.net", "attestationEndpoint": "attest.azure.net",
			"mysqlServerEndpoint": "mysql.database.azure.com", "postgresqlServerEndpoint": "postgres.database.azure.com",
			"mariadbServerEndpoint": "mariadb.database.azure.com", "synapseAnalytics": "dev.azuresynapse.net",
			"azureDataLakeStoreFileSystem": "azuredatalakestore.net", "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
			"storageSyncEndpointSuffix": "afs.azure.net", "mhsmDns": "managedhsm.azure.net",
		},
	}
	if version >= "2022-09-01" { // one cloud, no longer a list of them
		writeJSON(w, http.StatusOK, cloud)
		return
	}
	writeJSON(w, http.StatusOK, []any{cloud})
}
